// Lists of invocations as commands show them: if there are more than one answer holds, the newest,
// or an answer at a time.

import type { GleanerClient, InvocationList, InvocationQuery } from "../sdk/index.js";

/** The newest ones that fit in one answer, oldest first. */
export async function newestOf(
  client: GleanerClient,
  query: InvocationQuery,
): Promise<InvocationList> {
  const list = await client.list({ ...query, order: "newest" });
  return { ...list, invocations: list.invocations.toReversed() };
}

/** All that a query chooses, newest first, an answer at a time. */
export async function* pagesOf(
  client: GleanerClient,
  chosen: InvocationQuery,
): AsyncIterable<InvocationList["invocations"]> {
  const query: InvocationQuery = { ...chosen, order: "newest" };
  for (let before: number | null = null; ; ) {
    const list = await client.list(before === null ? query : { ...query, before });
    yield list.invocations;
    if (!list.truncated) return;
    before = list.invocations.at(-1)!.id;
  }
}

/** All that a query chooses, oldest first. */
export async function allOf(
  client: GleanerClient,
  query: InvocationQuery,
): Promise<InvocationList["invocations"]> {
  const pages: InvocationList["invocations"][] = [];
  for await (const page of pagesOf(client, query)) pages.push(page);
  return pages.flat().toReversed();
}
