import { expect } from 'chai';
import { monitorFd } from '../../../daemon/launch/monitor-fd.ts';
import { codeOf } from './code-of.ts';

const argv = (...texts: readonly string[]): readonly Buffer[] => texts.map((text) => Buffer.from(text));
const times = (count: number, ...texts: readonly string[]): readonly string[] =>
  Array.from({ length: count }, () => texts).flat();
const json = (fd: string): string =>
  JSON.stringify({ id: 'm', backend: { type: 'socket', data: { addr: { type: 'fd', data: { str: fd } } } } });

describe('monitorFd', () => {
  const chardev = 'socket,id=charmonitor,fd=30,server=on,wait=off';
  const mon = 'chardev=charmonitor,id=monitor,mode=control';
  const many = `{"fd":[${'{},'.repeat(40_000)}0]}`;
  const cases: readonly (readonly [what: string, argv: readonly Buffer[], fd: number | null])[] = [
    ['the way libvirt writes it', argv('-chardev', chardev, '-mon', mon), 30],
    ['two dashes', argv('--mon', mon, '--chardev', chardev), 30],
    ['an id with a comma', argv('-chardev', 'socket,id=a,,b,fd=7', '-mon', 'a,,b,mode=control'), 7],
    ['JSON', argv('-chardev', json('9'), '-mon', 'm,mode=control'), 9],
    ['a second monitor for people', argv('-chardev', chardev, '-mon', mon, '-mon', 'chardev=x'), 30],
    [
      'megabytes of others',
      argv('-chardev', chardev, '-mon', mon, ...times(40, '-chardev', 'x,'.repeat(60_000))),
      30,
    ],
    ['no monitor', argv('-chardev', chardev), null],
    ['another value that looks like one', argv('-name', '-mon', '-chardev', chardev), null],
  ];
  for (const [what, given, fd] of cases) it(what, () => expect(monitorFd(given)).to.equal(fd));

  const refused: readonly (readonly [what: string, argv: readonly Buffer[]])[] = [
    ['a monitor by path', argv('-chardev', 'socket,id=charmonitor,path=/m', '-mon', mon)],
    ['two monitors', argv('-chardev', chardev, '-mon', mon, '-chardev', json('9'), '-mon', 'm,mode=control')],
    ['an fd by name', argv('-chardev', 'socket,id=charmonitor,fd=x', '-mon', mon)],
    ['more than 256 KiB of sockets', argv('-mon', mon, ...times(3, '-chardev', many), '-chardev', chardev)],
    ['broken JSON', argv('-chardev', '{', '-mon', mon)],
  ];
  for (const [what, given] of refused)
    it(`refuses ${what}`, () => expect(codeOf(() => monitorFd(given))).to.equal('launch-failed'));
});
