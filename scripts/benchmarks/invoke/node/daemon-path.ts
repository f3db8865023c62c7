// The same calls through gleanerd, with the SDK's own client.

import { connect } from "../../../../src/sdk/public.js";
import { measure } from "./plan.mjs";

const gleaner = await connect();
await measure((input: Uint8Array) => gleaner.invoke("echo", input), { withBursts: false });
