/**
 * How many times longer than on an ordinary machine anything may take: the variable KND_TIME_SCALE, set where the
 * processor is emulated; else 1.
 *
 * @throws Error where the variable is no number of at least 1.
 */
export function readTimeScale(): number {
  const text = process.env['KND_TIME_SCALE'] ?? '';
  if (text === '') return 1;
  const scale = Number(text);
  if (!(scale >= 1 && scale <= 100))
    throw new Error(`Cannot use KND_TIME_SCALE "${text}"; set it to a number from 1 to 100 or remove it`);
  return scale;
}
