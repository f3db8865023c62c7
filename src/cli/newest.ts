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
  query: InvocationQuery,
): AsyncIterable<InvocationList["invocations"]> {
  for await (const { invocations } of answersOf(client, query)) yield invocations;
}

/** What a query chooses, oldest first: the newest ones that fit in `mostAnswers`. */
export async function allOf(
  client: GleanerClient,
  query: InvocationQuery,
  mostAnswers = Infinity,
): Promise<InvocationList> {
  const pages: InvocationList["invocations"][] = [];
  let isTruncated = false;
  for await (const { invocations, truncated } of answersOf(client, query)) {
    isTruncated = truncated;
    if (pages.push(invocations) === mostAnswers) break;
  }
  return { invocations: pages.flat().toReversed(), truncated: isTruncated };
}

async function* answersOf(
  client: GleanerClient,
  chosen: InvocationQuery,
): AsyncIterable<InvocationList> {
  const query: InvocationQuery = { ...chosen, order: "newest" };
  for (let before: number | null = null; ; ) {
    const list = await client.list(before === null ? query : { ...query, before });
    yield list;
    if (!list.truncated) return;
    before = list.invocations.at(-1)!.id;
  }
}
