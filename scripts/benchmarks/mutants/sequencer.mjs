// Lets jest run test files in the order in which $GLEANER_MUTANTS_ORDER names them.

import Sequencer from "@jest/test-sequencer";

export default class InOrder extends Sequencer {
  sort(tests) {
    const order = process.env.GLEANER_MUTANTS_ORDER.split(":");
    const place = ({ path }) => order.findIndex((name) => path.endsWith(name));
    return [...tests].sort((a, b) => place(a) - place(b));
  }
}
