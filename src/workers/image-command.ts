// The command that starts a worker in a container image, by Charliecloud or Apptainer: as the user,
// in the worker's own process, so that the image is mounted once for each worker and leaves with
// it.

import { constants } from "node:os";

/**
 * Where the code and the runtime's programs are in the container. A read-only image must have the
 * folders, and these are empty in the images of all distributions.
 */
export const codeInImage = "/mnt";
export const programsInImage = "/media";

/** What is the node's, not the image's. */
const failures = {
  noTool: 95,
  notThere: 96,
  notReadable: 97,
} as const;

/**
 * The tool comes from PATH, also by a module of the setup. The exit statuses are those of
 * `failures`.
 */
const script = `image=$1 code=$2 programs=$3
shift 3
[ -e "$image" ] || exit ${failures.notThere}
[ -r "$image" ] || exit ${failures.notReadable}
if [ -d "$HOME" ]; then with=--home without=; else with= without=--no-home; fi
if command -v ch-run >/dev/null; then
  exec ch-run $with --bind "$code:${codeInImage}" --bind "$programs:${programsInImage}" \\
    --cd ${codeInImage} "$image" -- "$@"
fi
for tool in apptainer singularity; do
  command -v $tool >/dev/null || continue
  exec $tool --quiet exec $without --bind "$code:${codeInImage}:ro" \\
    --bind "$programs:${programsInImage}:ro" --pwd ${codeInImage} "$image" "$@"
done
exit ${failures.noTool}`;

/** `code`, `programs`: folders of the node; `words`: what is started in the container. */
export const inImage = (
  image: string,
  code: string,
  programs: string,
  words: readonly string[],
): readonly string[] => ["/bin/sh", "-c", script, "image", image, code, programs, ...words];

/**
 * Why a worker of an image could not be started on this node; null if another node would be no
 * better.
 */
export function imageFailure(
  image: string,
  exitCode: number,
): { readonly errno: number; readonly message: string } | null {
  switch (exitCode) {
    case failures.noTool:
      return {
        errno: constants.errno.ENOENT,
        message: `neither Charliecloud (ch-run) nor Apptainer is installed, one of which the image ${image} needs`,
      };
    case failures.notThere:
      return { errno: constants.errno.ENOENT, message: `there is no image ${image}` };
    case failures.notReadable:
      return { errno: constants.errno.EACCES, message: `you may not read the image ${image}` };
    default:
      return null;
  }
}
