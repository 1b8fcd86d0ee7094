import { mdocLiteral, mdocText } from './mdoc.ts';
import type { CommandHelp } from './read-commands.ts';

const head = `.\\" Written by "npm run generate:docs" (docs/generate/render-command-page.ts).
.Dd November 26, 2026
.Dt NODE\\-DRIVER 8
.Os
.Sh NAME
.Nm node\\-driver
.Nd daemon that puts the QEMU of libvirt into its pod, and its command line
.Sh SYNOPSIS
`;

const description = `.Sh DESCRIPTION
libvirt knows nothing about pods.
Where
.Aq emulator
of a domain names the stub
.Xr qemu\\-kube 8 ,
the stub hands what libvirt gave it to the daemon of the node,
.Nm Cm serve .
The daemon finds the pod whose launcher has the VM's UUID, compares the secret
in the domain with the one that is mounted in that pod, and has the QEMU of the
pod run in the pod's cgroups and namespaces.
.Pp
.Cm resolve
and
.Cm machines
ask the daemon by its API.
All other commands work without one.
Each describes itself with
.Fl \\-help ,
as below.
.Pp
The daemon reads
.Xr qemu\\-kube.conf 5
when it starts.
When it is stopped, restarted or replaced, VMs go on; the next daemon takes
them over.
.Sh COMMANDS
`;

const tail = `.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev NODE_NAME
Name of this node in Kubernetes, where the configuration does not tell and
Kubernetes is asked.
.It Ev NOTIFY_SOCKET , WATCHDOG_USEC , WATCHDOG_PID
Set by
.Xr systemd 1
for services with
.Ql Type=notify :
the daemon says when it serves, that it is alive, how many VMs it looks after,
when it reads anew, and when it stops.
What it starts does not inherit them.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/kubevirt/qemu\\-kube.conf
The configuration of the daemon.
.It Pa /run/kubevirt\\-node\\-driver/launch/launch.sock
Where stubs ask.
.It Pa /run/kubevirt\\-node\\-driver/api/api.sock
The gRPC API.
.It Pa /run/kubevirt\\-node\\-driver/state/
What is known of each VM that runs; needed to take it over.
.It Pa /var/lib/kubevirt\\-node\\-driver/
Which sealed secrets were used.
.It Pa /usr/local/lib/kubevirt\\-node\\-driver/emulators/
Stubs, a directory for each probe profile.
.El
.Sh EXIT STATUS
.Bl -tag -width Ds -compact
.It 0
Done.
.It 1
Failed or refused; one line says why and what to do.
.It 2
Wrong usage.
.It 78
The configuration can't be used.
.It 127
There is no Node.
.El
.Sh SIGNALS
.Bl -tag -width Ds
.It Dv SIGTERM , SIGINT
.Cm serve
stops within 8 seconds.
VMs go on.
.It Dv SIGHUP
.Cm serve
opens the audit log anew.
.El
.Sh DIAGNOSTICS
Every refusal and error is one line that names cause and remedy.
.Pa docs/troubleshooting.md
of the source has an entry for each.
.Sh SEE ALSO
.Xr systemd 1 ,
.Xr virsh 1 ,
.Xr qemu\\-kube.conf 5 ,
.Xr libvirtd 8 ,
.Xr qemu\\-kube 8
`;

/** The text of docs/man/node-driver.8. */
export function renderCommandPage(commands: readonly CommandHelp[]): string {
  const synopsis = commands.flatMap(({ help }) => readSynopsis(help));
  const sections = commands
    .filter(({ name }) => name !== '')
    .map(({ name, help }) => `.Ss node\\-driver ${mdocText(name)}\n${mdocLiteral(withoutSynopsis(help))}\n`);
  return `${head}${mdocLiteral(synopsis.join('\n'))}\n${description}${sections.join('')}${tail}`;
}

/** The lines of `Usage: …`, without that word. */
function readSynopsis(help: string): readonly string[] {
  const [first = ''] = help.split('\n\n');
  return first.split('\n').map((line) => line.replace(/^Usage:/u, '').trim());
}

function withoutSynopsis(help: string): string {
  return help.split('\n\n').slice(1).join('\n\n');
}
