/**
 * Reads a stream to its end.
 *
 * @param limit bytes at most.
 * @returns `null` as soon as there is more than that.
 */
export async function readLimited(
  stream: AsyncIterable<Buffer | string>,
  limit: number,
): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > limit) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
