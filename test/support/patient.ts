import { expect } from 'chai';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { matchSchema } from './match-schema.ts';
import type { NodeDriver } from './node-driver.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';

export interface CheckLine {
  readonly check: string;
  readonly subject: string;
  readonly status: 'ok' | 'warning' | 'failure' | 'skipped';
  readonly message: string;
  readonly command: string | null;
  readonly remedy: string | null;
}

export interface CheckReport {
  readonly schema: number;
  readonly daemon: { readonly version: string } | null;
  readonly checks: readonly CheckLine[];
  readonly failures: number;
  readonly warnings: number;
}

/** One driver in a scratch of its own, and the means to look at it and to do what is advised. */
export class Patient {
  readonly scratch: Scratch;
  readonly driver: NodeDriver;

  constructor(scratch: Scratch, driver: NodeDriver) {
    this.scratch = scratch;
    this.driver = driver;
  }

  get stub(): string {
    return this.driver.emulator;
  }

  get emulators(): string {
    return join(this.stub, '../..');
  }

  async check(): Promise<CheckReport & { readonly exit: number }> {
    const args = ['check', '--config', this.driver.configPath, '--json'];
    const { status, stdout, stderr } = await this.driver.run(args, { allowFailure: true });
    expect(stderr).to.equal('');
    matchSchema('check', stdout);
    const parsed = JSON.parse(stdout) as CheckReport;
    return { ...parsed, exit: status };
  }

  async line(check: string, subject?: string): Promise<CheckLine> {
    const { checks } = await this.check();
    const found = checks.filter(
      (each) => each.check === check && (subject === undefined || each.subject === subject),
    );
    const [line] = found;
    if (line === undefined || found.length > 1)
      throw new Error(`${found.length} lines of ${check} ${subject ?? ''}: ${JSON.stringify(found)}`);
    return line;
  }

  /** Does what the line says, as a person would in a shell. */
  async mend({ command }: CheckLine): Promise<void> {
    expect(command).to.be.a('string');
    const bin = join(this.scratch.directory, 'bin');
    mkdirSync(bin, { recursive: true });
    const main = join(import.meta.dirname, '../../daemon/main.ts');
    writeFileSync(join(bin, 'node-driver'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
      mode: 0o755,
    });
    await runCommand('sh', ['-ec', String(command)], {
      environment: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
  }
}
