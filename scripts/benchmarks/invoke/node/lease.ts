// Calls over a lease from JavaScript, with the SDK's own client, to the worker of $LEASE_ENDPOINT.

import { Leasing } from "../../../../test/support/sdk/leasing.js";
import { measure } from "./plan.mjs";

const lease = await new Leasing([JSON.parse(process.env.LEASE_ENDPOINT!)]).open();
await measure((input: Uint8Array) => lease.invoke(input), { withBursts: true });
await lease.end();
