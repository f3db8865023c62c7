// Debian's changelog of the packages, from CHANGELOG.md: one entry for each release, newest first.

/**
 * Returns a function of the package's name. The newest entry has the version that is built: it
 * holds what is unreleased, if anything is, and has the time of the last commit.
 */
export function debianChangelog(markdown, { version, epochSeconds, maintainer }) {
  const released = sectionsOf(markdown).filter(({ changes }) => changes.length > 0);
  const dateOf = (date) =>
    new Date(date === null ? epochSeconds * 1000 : `${date}T00:00:00Z`)
      .toUTCString()
      .replace("GMT", "+0000");
  return (name) =>
    released
      .map(({ title, date, changes }, index) => {
        const of = index === 0 ? version : `${title}-1`;
        const items = changes.map((change) => wrapped(change)).join("\n");
        const when = dateOf(index === 0 ? null : date);
        return `${name} (${of}) unstable; urgency=medium\n\n${items}\n\n -- ${maintainer}  ${when}\n`;
      })
      .join("\n");
}

/** The releases with their items, whose lines are joined. */
function sectionsOf(markdown) {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading, ...rest] = section.split("\n");
      const [, title, date = null] = /^\[(.+?)\](?: - (\S+))?/.exec(heading) ?? [];
      const items = rest.join("\n").split(/^- /m).slice(1);
      const changes = items.map((item) =>
        item
          .split(/\n(?:\n|#)/)[0]
          .replace(/\s+/g, " ")
          .trim(),
      );
      return { title, date, changes };
    });
}

/** `  * ` and lines of at most 76 columns. */
function wrapped(text) {
  const rows = [""];
  for (const word of text.split(" ")) {
    const last = rows.length - 1;
    if (rows[last] === "") rows[last] = word;
    else if (rows[last].length + 1 + word.length <= 72) rows[last] += ` ${word}`;
    else rows.push(word);
  }
  return rows.map((row, index) => `${index === 0 ? "  * " : "    "}${row}`).join("\n");
}
