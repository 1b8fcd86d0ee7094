/** What a command of `node-driver` reads and writes, so that it runs in a test as on a terminal. */
export interface CommandIo {
  readonly stdin: AsyncIterable<Buffer | string>;
  /** Writes the text as it is: commands end their lines themselves. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborted once nobody reads standard output any more: a command that runs on ends then. */
  readonly outputClosed: AbortSignal;
  /** Whether a person sits at standard input, who may need to be told that it is read. */
  readonly isTerminal: boolean;
  /** Whether standard output shows colours, and nobody has asked for none. */
  readonly hasColour: boolean;
}
