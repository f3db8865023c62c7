// What is in each package, and where it goes.
//
// No path is in two packages, so that one machine can have all of them; /usr/bin/glean and the
// manual pages are alternatives (see maintainer/cli-alternative). Each package has its own Node:
// Debian 12 has none that is new enough, and the compiled packages fit one release only.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cliFiles, madeFiles } from "../bundle/bundles.mjs";
import { copyModules } from "./modules.mjs";

/** Where the controller, the nodes and the login nodes have their programs. */
const controllerFolder = "/usr/lib/gleaner";
const nodeFolder = "/usr/lib/gleaner-node";
const clientFolder = "/usr/lib/gleaner-client";

/** For PATH: see configs/gleaner.lua. */
const slurmNames = ["sbatch", "srun", "squeue", "scancel", "sacct", "sinfo", "scontrol"];

/** Shells look there; cli-alternative links to them, whether or not a shell is installed. */
export const completionFolders = [
  "/usr/share/bash-completion/completions",
  "/usr/share/fish/vendor_completions.d",
  "/usr/share/zsh/vendor-completions",
  "/usr/share/zsh/site-functions",
];

export const packages = [
  {
    name: "gleaner-controller",
    summary: "runs functions in what Slurm leaves idle: the daemon and glean",
    description: [
      "The daemon gleanerd, for the machine that runs slurmctld, and the command",
      "glean. After the installation run glean setup.",
    ],
    depends: ["munge", "slurm-client | slurm-smd-client"],
    recommends: ["openssh-client", "slurmctld | slurm-smd-slurmctld"],
    conffiles: ["/etc/gleaner/gleaner.yaml"],
    rpm: {
      requires: ["munge", "slurm", "/usr/sbin/update-alternatives"],
      recommends: ["openssh-clients", "slurm-slurmctld"],
    },
    scripts: "controller",
    fill: fillController,
  },
  {
    name: "gleaner-node",
    summary: "runs functions in what Slurm leaves idle: the hook on nodes",
    description: [
      "The programs that slurmd runs before and after each job, the same as a SPANK",
      "plugin, and what functions need on a node.",
    ],
    depends: ["slurmd | slurm-smd-slurmd"],
    recommends: ["munge", "openssh-server"],
    conffiles: ["/etc/gleaner/hook.conf"],
    rpm: { requires: ["slurm-slurmd"], recommends: ["munge", "openssh-server"] },
    scripts: "node",
    fill: fillNode,
  },
  {
    name: "gleaner-client",
    summary: "runs functions in what Slurm leaves idle: glean on login nodes",
    description: ["The command glean, for login nodes. It needs the controller's gleaner.yaml."],
    depends: ["munge"],
    recommends: [],
    conffiles: [],
    rpm: { requires: ["munge", "/usr/sbin/update-alternatives"], recommends: [] },
    scripts: "client",
    fill: fillClient,
  },
];

function fillController(tree, build) {
  const from = (path) => join(build.root, path);
  addCli(tree, build, controllerFolder);
  for (const name of ["gleanerd.cjs", "program-helper.cjs", "store-worker.cjs"])
    tree.copy(from(`dist/${name}`), `${controllerFolder}/${name}`);
  tree.copyStripped(from("dist/glean-acceptor"), `${controllerFolder}/glean-acceptor`);
  tree.copyFolder(from("dist/migrations"), `${controllerFolder}/migrations`);
  copyModules(tree, from("node_modules"), `${controllerFolder}/node_modules`);
  // What gleanerd copies to the nodes, or starts here.
  addExecutor(tree, build, controllerFolder);
  tree.copyStripped(from("dist/glean-spawn"), "/usr/libexec/gleaner/glean-spawn");
  const start = `${controllerFolder}/node ${unitOptions(build)} ${controllerFolder}/gleanerd.cjs`;
  tree.write("/usr/sbin/gleanerd", `#!/bin/sh\nexec ${start} "$@"\n`, 0o755);
  tree.write("/usr/lib/systemd/system/gleanerd.service", unitText(build, start));
  tree.copy(from("configs/gleanerd-local.conf"), `${controllerFolder}/gleanerd-local.conf`);
  tree.copy(from("scripts/packages/gleaner.yaml"), "/etc/gleaner/gleaner.yaml");
  const doc = "/usr/share/doc/gleaner-controller";
  for (const name of ["gleaner.yaml", "slurm.conf.gleaner", "slurm.conf.pilots"])
    tree.copy(from(`configs/${name}`), `${doc}/examples/${name}`);
  for (const name of ["guide", "operating", "reference"])
    tree.copyFolder(from(`docs/${name}`), `${doc}/${name}`);
  tree.directory("/var/lib/gleaner", 0o700);
  tree.directory("/var/log/gleaner", 0o700);
}

function fillNode(tree, build) {
  const from = (path) => join(build.root, path);
  addNode(tree, nodeFolder);
  for (const name of ["glean-prolog", "glean-epilog"])
    tree.copyStripped(from(`dist/${name}`), `/usr/libexec/gleaner/${name}`);
  // Built only where Slurm's headers are; it fits their release alone, so its source comes along.
  if (existsSync(from("dist/gleaner.so")))
    tree.copyStripped(from("dist/gleaner.so"), "/usr/lib/gleaner/gleaner.so", 0o644);
  tree.copyFolder(from("slurm-plugin"), `${nodeFolder}/slurm-plugin`, (path) =>
    /^Makefile$|^(common|hook|kill|spank)\//.test(path),
  );
  addExecutor(tree, build, nodeFolder);
  tree.copyStripped(from("dist/glean-spawn"), `${nodeFolder}/glean-spawn`);
  tree.copy(from("configs/hook.conf"), "/etc/gleaner/hook.conf");
  tree.copy(
    from("configs/plugstack.conf.gleaner"),
    "/usr/share/doc/gleaner-node/examples/plugstack.conf.gleaner",
  );
  tree.directory("/var/log/gleaner", 0o700);
}

function fillClient(tree, build) {
  addCli(tree, build, clientFolder);
  // `glean function test`, `glean replay` and `--check local` run functions on the login node.
  addRuntimes(tree, build, clientFolder);
}

/** The command glean, its manual pages, and what puts both in the user's way. */
function addCli(tree, { root }, folder) {
  addNode(tree, folder);
  for (const name of cliFiles.filter((each) => each.endsWith(".cjs")))
    tree.copy(join(root, "dist", name), `${folder}/${name}`);
  for (const name of madeFiles)
    tree.copyStripped(
      join(root, "dist", name),
      `${folder}/${name}`,
      /\.(so|node)$/.test(name) ? 0o644 : 0o755,
    );
  const start = `exec ${folder}/node --inspect-port=240.0.0.1:0 ${folder}/glean.cjs`;
  // A plain sh would drop the functions that a user's bash exports, such as `module`.
  tree.write(`${folder}/glean`, `#!/bin/bash -p\n${start} "$@"\n`, 0o755);
  for (const name of slurmNames)
    tree.write(
      `${folder}/slurm-names/${name}`,
      `#!/bin/bash -p\n# Made by glean install-aliases.\n${start} as ${name} "$@"\n`,
      0o755,
    );
  tree.copyFolder(join(root, "configs/completions"), `${folder}/completions`);
  for (const path of completionFolders) tree.directory(path);
  tree.copy(join(root, "configs/gleaner.lua"), `${folder}/gleaner.lua`);
  // V8's cache of compiled code differs with each build, so it is made on the machine.
  tree.copy(join(root, "scripts/bundle/compile.mjs"), `${folder}/compile.mjs`);
  tree.copy(
    join(root, "scripts/packages/maintainer/cli-alternative"),
    `${folder}/cli-alternative`,
    0o755,
  );
  for (const section of readdirSync(join(root, "man")))
    for (const name of readdirSync(join(root, "man", section)))
      tree.copyCompressed(join(root, "man", section, name), `${folder}/man/${section}/${name}.gz`);
}

function addExecutor(tree, build, folder) {
  tree.copy(join(build.root, "dist/glean-executor.cjs"), `${folder}/glean-executor.cjs`);
  addRuntimes(tree, build, folder);
}

function addRuntimes(tree, { root }, folder) {
  for (const name of readdirSync(join(root, "dist")).filter((each) =>
    each.startsWith("glean-runtime-"),
  )) {
    const from = join(root, "dist", name);
    if (name === "glean-runtime-python") {
      tree.copyFolder(from, `${folder}/${name}`, (path) => path.endsWith(".py"));
      const extension = `${name}/glean_runtime/serving/_exchange.abi3.so`;
      if (existsSync(join(root, "dist", extension)))
        tree.copyStripped(join(root, "dist", extension), `${folder}/${extension}`, 0o644);
    } else if (/\.[cm]js$/.test(name)) tree.copy(from, `${folder}/${name}`);
    else tree.copyStripped(from, `${folder}/${name}`);
  }
}

/** The Node that runs this. One that is linked with Debian's libnode would miss it elsewhere. */
function addNode(tree, folder) {
  if (process.config.variables.node_shared)
    throw new Error(
      `${process.execPath} is not one file: use Node 20 or newer from nodejs.org to make packages`,
    );
  tree.copyStripped(process.execPath, `${folder}/node`);
}

const start = /^ExecStart=\S+\/node (.+) \S+\/gleanerd\.cjs$/m;

function unitOptions({ root }) {
  const found = start.exec(readFileSync(join(root, "configs/gleanerd.service"), "utf8"));
  if (found === null) throw new Error("configs/gleanerd.service does not start node: mend it");
  return found[1];
}

/** The unit of configs/, with the paths of the package. */
function unitText({ root }, command) {
  return readFileSync(join(root, "configs/gleanerd.service"), "utf8")
    .replace(start, `ExecStart=${command}`)
    .replaceAll("file:///opt/gleaner/docs/", "file:///usr/share/doc/gleaner-controller/")
    .replace("/etc/systemd/system/gleanerd.service.", "of the package gleaner-controller.");
}
