// A small JSON API in JavaScript: describes samples, or says what is wrong with a request.

export default function handler({ samples }) {
  if (!Array.isArray(samples) || samples.length === 0 || !samples.every(Number.isFinite))
    throw new TypeError("samples must be a list of at least one number");
  const sorted = samples.toSorted((a, b) => a - b);
  const mean = sum(samples) / samples.length;
  const variance = sum(samples.map((each) => (each - mean) ** 2)) / samples.length;
  return {
    count: samples.length,
    mean,
    deviation: Math.sqrt(variance),
    median: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
  };
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/** Interpolates between the two samples around it. */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}
