import { argumentPaths } from '../../../daemon/launch/argument-paths.ts';
import { decodeUtf8 } from '../../../daemon/launch/decode-utf8.ts';
import { isIncoming } from '../../../daemon/launch/is-incoming.ts';
import { libvirtDomain } from '../../../daemon/launch/libvirt-domain.ts';
import type { LibvirtPaths } from '../../../daemon/launch/libvirt-domain.ts';
import { monitorFd } from '../../../daemon/launch/monitor-fd.ts';
import { qemuOptions } from '../../../daemon/launch/qemu-options.ts';
import { attempt } from '../attempt.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { interestingTexts, requestSeeds } from '../request-seeds.ts';
import { joinStrings, stringsOf } from './strings-of.ts';

const state = '/var/lib/libvirt/qemu';
const run = '/run/libvirt/qemu';

/** The command line that libvirt wrote for QEMU, whose author of a domain can add to it. */
export const libvirtArguments: FuzzTarget = {
  name: 'libvirt-arguments',
  files: [
    'launch/libvirt-domain.ts',
    'launch/qemu-options.ts',
    'launch/master-key.ts',
    'launch/argument-paths.ts',
    'launch/domain-name.ts',
    'launch/guest-name.ts',
    'launch/monitor-fd.ts',
    'launch/is-incoming.ts',
  ],
  seeds: [
    ...requestSeeds().map(({ argv, env }) => joinStrings(argv.map(String), env.map(String))),
    joinStrings(interestingTexts().filter(Boolean), ['HOME=/']),
    joinStrings(monitorArguments('socket,id=m,fd=30'), []),
    joinStrings(
      monitorArguments(
        '{"id":"m","backend":{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"30"}}}}}',
      ),
      [],
    ),
    joinStrings([...monitorArguments('{"id":"m","addr":{"type":"fd","str":"3"}}'), '-incoming', 'defer'], []),
    joinStrings(monitorArguments('{'), []),
    joinStrings(['q', '-mon', 'm,mode=control'], []),
  ],
  run: (input) => {
    const request = stringsOf(input);
    checkDomain(request, []);
    checkDomain(request, ['/srv/disks', `${state}/nvram`]);
    const wrong = attempt(() =>
      libvirtDomain(request, { libvirtState: state, libvirtRun: run, project: ['/a/../b'] }),
    );
    expectThat(
      'code' in wrong && wrong.code === 'launch-failed',
      'a path that is not plain is not projected',
    );
    const fd = attempt(() => monitorFd(request.argv));
    if ('value' in fd)
      expectThat(
        fd.value === null || (Number.isSafeInteger(fd.value) && fd.value >= 0),
        'the fd is a number',
      );
    expectThat(typeof isIncoming(request.argv) === 'boolean', 'it is incoming, or not');
    for (const argument of request.argv) checkArgument(decodeUtf8(argument) ?? '');
  },
};

function monitorArguments(chardev: string): readonly string[] {
  return ['qemu', '-chardev', chardev, '-mon', 'chardev=m,id=monitor,mode=control'];
}

function checkDomain(request: ReturnType<typeof stringsOf>, project: LibvirtPaths['project']): void {
  const domain = attempt(() => libvirtDomain(request, { libvirtState: state, libvirtRun: run, project }));
  if ('code' in domain) {
    expectThat(domain.code === 'libvirt-home', 'a refusal is about the directory of the domain');
    return;
  }
  const { directory, projections } = domain.value;
  for (const path of projections) {
    const isOwn =
      path === directory ||
      path.startsWith(`${state}/nvram/`) ||
      path.startsWith(`${run}/`) ||
      project.includes(path);
    expectThat(isOwn, `no other path is projected: ${path}`);
    expectThat(!/\/\.{0,2}(?:\/|$)|\0/.test(path), `a projected path is plain: ${path}`);
    expectThat(!projections.some((other) => path.startsWith(`${other}/`)), 'no projected path is in another');
  }
  expectThat(new Set(projections).size === projections.length, 'no path is projected twice');
  expectThat(directory === null || projections[0] === directory, 'the directory comes first');
  if (directory !== null)
    expectThat(/^domain-[0-9]+-[^/]+$/s.test(directory.slice(state.length + 1)), 'it is a domain');
}

function checkArgument(text: string): void {
  for (const path of argumentPaths(text)) expectThat(path.startsWith('/'), 'a path is absolute');
  const options = [...qemuOptions(text)];
  // An empty last option leaves no trace but its comma.
  if (options.some(({ key, value }) => key === null && value === '')) return;
  const written = options
    .map(({ key, value }) => `${key === null ? '' : `${key}=`}${value.replaceAll(',', ',,')}`)
    .join(',');
  expectThat(
    JSON.stringify([...qemuOptions(written)]) === JSON.stringify(options),
    'options read the same when they are written anew',
  );
}
