import winston from 'winston';

import { BoundedLines } from './bounded-lines.ts';
import { escapeToAscii, escapeUnprintable } from './escape-unprintable.ts';
import { logLevels, type LogLevel } from './log-level.ts';

export const logFormats = ['json', 'text'] as const;

export type LogFormat = (typeof logFormats)[number];

/** Plain values only: an object that hides its content, such as a `Secret`, is not assignable to a field. */
export type LogValue = string | number | boolean | null | undefined | readonly string[] | readonly number[];

export type LogFields = Readonly<Record<string, LogValue>>;

/** `message` is a constant in plain words; what varies goes into the fields. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger whose lines name another part of the daemon. */
  child(component: string): Logger;
}

/** What is logged, which may change while the daemon runs. */
export interface LogVolume {
  readonly level: LogLevel;
  setLevel(level: LogLevel): void;
}

export interface RootLogger extends Logger, LogVolume {
  /** Resolves when every line has left the process, also when it is called again. Nothing may be logged afterwards. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** Writes lines to stderr, so that stdout stays free for what a command prints. */
export function createLogger(options: LoggerOptions): RootLogger {
  const lines = new BoundedLines(process.stderr, (lost) =>
    logger.warn('Lines of the log were lost: nobody read it, or there was no room for it', { lost }),
  );
  const root = winston.createLogger({
    level: options.level,
    levels: Object.fromEntries(logLevels.map((level, index) => [level, index])),
    format: winston.format.combine(
      winston.format((info) => ({ ...info, ts: new Date().toISOString() }))(),
      winston.format.printf(options.format === 'json' ? formatJson : formatText),
    ),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its own transport as an interface
    transports: [new winston.transports.Stream({ stream: lines, eol: '\n' })],
  });

  const loggerOf = (component: string): Logger => {
    const write =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}): void => {
        root.log({ level, message, component, fields });
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: loggerOf,
    };
  };

  const logger = loggerOf('daemon');
  let { level: currentLevel } = options;
  let closed: Promise<void> | undefined;
  return {
    ...logger,
    get level(): LogLevel {
      return currentLevel;
    },
    setLevel(level): void {
      currentLevel = level;
      root.level = level;
    },
    close: () => (closed ??= flush(root)),
  };
}

async function flush(root: winston.Logger): Promise<void> {
  // Twice: when all lines are out, the one may follow that tells of those that were lost.
  await written();
  await new Promise<void>((resolve) => {
    root.once('finish', resolve);
    root.end();
  });
  await written();
}

/** A pipe takes lines asynchronously: this comes after all of them. */
function written(): Promise<void> {
  return new Promise((resolve) => process.stderr.write('', () => resolve()));
}

/** What a log line tells about an error. The stack is for errors that nobody expected. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) };
  return {
    error: error.message,
    ...('code' in error && { errorCode: String(error.code) }),
    stack: error.stack,
  };
}

/** The keys that every line has come first; a field of the same name cannot overwrite them. */
function formatJson(info: winston.Logform.TransformableInfo): string {
  const { ts, level, message, component, fields } = info;
  const first = { ts, level, msg: message, component };
  return escapeToAscii(JSON.stringify({ ...first, ...(isRecord(fields) && fields), ...first }));
}

function formatText(info: winston.Logform.TransformableInfo): string {
  const { ts, level, message, component, fields } = info;
  const values = Object.entries(isRecord(fields) ? fields : {})
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const line = `${String(ts)} ${level.padEnd(5)} ${String(component)}: ${String(message)}${values.join('')}`;
  return escapeUnprintable(line);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
