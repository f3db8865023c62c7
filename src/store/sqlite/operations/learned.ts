// Learned models: each stores its own JSON under its name.

import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

export function learnedWrites(database: Connection): Operations<"saveLearned"> {
  const save = database.prepare<[string, string]>(
    "INSERT INTO learned (name, json) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
  );
  return {
    saveLearned(name, json) {
      save.run(name, json);
    },
  };
}

export function learnedReads(database: Connection): Operations<"loadLearned"> {
  const load = database
    .prepare<[string], string>("SELECT json FROM learned WHERE name = ?")
    .pluck();
  return { loadLearned: (name) => load.get(name) ?? null };
}
