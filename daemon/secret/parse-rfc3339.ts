const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

const minute = 60_000;

/**
 * A date and time of RFC 3339, with its offset, to the millisecond; `null` when the text is anything else. A leap
 * second counts as the second after it, and is taken only where one can be: at 23:59:60 UTC.
 */
export function parseRfc3339(text: string): Date | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map(Number);
  const milliseconds = Math.trunc(Number(`0.${match[7] ?? '0'}`) * 1000);
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? '0'), Number(match[10] ?? '0')];
  if (hour > 23 || minutes > 59 || seconds > 60 || offsetHours > 23 || offsetMinutes > 59) return null;

  const date = new Date(0);
  // Not Date.UTC(), which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  date.setUTCHours(hour, minutes, Math.min(seconds, 59), milliseconds);
  const sign = match[8] === '-' ? 1 : -1;
  date.setTime(date.getTime() + sign * (offsetHours * 60 + offsetMinutes) * minute);
  if (seconds < 60) return date;
  if (date.getUTCHours() !== 23 || date.getUTCMinutes() !== 59) return null;
  return new Date(date.getTime() + 1000);
}
