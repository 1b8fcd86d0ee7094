import { FrameDecoder } from './frame-decoder.ts';
import { frameTypes } from './frame.ts';
import { parseLaunchRequest } from './launch-request.ts';
import type { LaunchRequest } from './launch-request.ts';

/**
 * The daemon's side of one connection until the request is complete. From then on the connection belongs to the
 * shim, so a byte that comes early would be lost between the two, and is refused.
 */
export class RequestReader {
  readonly #decoder = new FrameDecoder({ accept: [frameTypes.request], frames: 1 });

  /**
   * Takes the next bytes of the connection: the request once it is complete, `null` while more is needed.
   * @throws ProtocolError as soon as the bytes can't become a request, or go on after it (`trailing-bytes`)
   */
  push(chunk: Buffer): LaunchRequest | null {
    const [frame] = this.#decoder.push(chunk);
    return frame === undefined ? null : parseLaunchRequest(frame.payload);
  }

  /**
   * Tells that the peer closed its side.
   * @throws ProtocolError `truncated` when the request is not complete
   */
  end(): void {
    this.#decoder.end();
  }
}
