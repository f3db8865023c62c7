#!/usr/bin/env -S node --inspect-port=240.0.0.1:0
// Starts glean: runs its program, or the smaller one of `glean batch`, with the code that V8
// compiled at build time, which halves glean's own time.
//
// A program's cache begins with the mark at the program's end, because V8 itself compares only the
// lengths of sources. Without a cache, or with one of another program or another node, V8 compiles
// as usual.

"use strict";

// Node's default answer is to open its debugger to every user of the machine.
process.on("SIGUSR1", () => {});

const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

/** Hexadecimal digits of the mark. */
const markLength = 64;

const program = `${__dirname}/glean-${process.argv[2] === "batch" ? "batch" : "program"}`;
const file = `${program}.cjs`;
// esbuild writes ASCII only.
const source = readFileSync(file, "latin1");

function compiled() {
  try {
    const cache = readFileSync(`${program}.cache`);
    const mark = cache.latin1Slice(0, markLength);
    return source.endsWith(mark) ? cache.subarray(markLength) : undefined;
  } catch {
    return undefined;
  }
}

const script = new Script(source, { filename: file, cachedData: compiled() });
script.runInThisContext()(exports, require, module, file, __dirname);
