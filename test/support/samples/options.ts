// Options for the sample black-scholes, and their prices as the expected gain under the lognormal
// distribution, without the formula.

interface Option {
  readonly spot: number;
  readonly strike: number;
  readonly years: number;
  readonly rate: number;
  readonly volatility: number;
}

const options: readonly Option[] = [
  { spot: 42, strike: 40, years: 0.5, rate: 0.1, volatility: 0.2 },
  ...Array.from({ length: 200 }, (_, at) => ({
    spot: 50 + at,
    strike: 100,
    years: 0.25 + (at % 8) / 4,
    rate: 0.01 * (at % 6),
    volatility: 0.1 + 0.05 * (at % 7),
  })),
];

export const optionBytes = Buffer.from(
  Float64Array.from(
    options.flatMap(({ spot, strike, years, rate, volatility }) => [
      ...[spot, strike, years, rate, volatility],
    ]),
  ).buffer,
);

/** A call and a put for each option. */
export const pricesByIntegration = (): number[] =>
  options.flatMap((option) => {
    const gain = (sign: 1 | -1) => (last: number) => Math.max(0, sign * (last - option.strike));
    return [expected(option, gain(1)), expected(option, gain(-1))];
  });

/** Over twelve deviations, each side of the strike by itself, where the gain has its kink. */
function expected(
  { spot, strike, years, rate, volatility }: Option,
  gain: (last: number) => number,
) {
  const spread = volatility * Math.sqrt(years);
  const drift = (rate - volatility ** 2 / 2) * years;
  const kink = (Math.log(strike / spot) - drift) / spread;
  const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const weighted = (z: number) => gain(spot * Math.exp(drift + spread * z)) * density(z);
  const middle = Math.min(12, Math.max(-12, kink));
  return Math.exp(-rate * years) * (simpson(weighted, -12, middle) + simpson(weighted, middle, 12));
}

function simpson(f: (x: number) => number, from: number, to: number, steps = 2_000): number {
  const width = (to - from) / steps;
  let sum = f(from) + f(to);
  for (let at = 1; at < steps; at++) sum += (at % 2 === 1 ? 4 : 2) * f(from + at * width);
  return (sum * width) / 3;
}
