import { configKeys } from '../../daemon/config/config-keys.ts';
import { mdocParagraph, mdocText } from './mdoc.ts';

const head = `.\\" Written by "npm run generate:docs" (docs/generate/render-config-page.ts).
.Dd November 26, 2026
.Dt QEMU\\-KUBE.CONF 5
.Os
.Sh NAME
.Nm qemu\\-kube.conf
.Nd configuration of the KubeVirt Node Driver
.Sh SYNOPSIS
.Pa /etc/kubevirt/qemu\\-kube.conf
.Sh DESCRIPTION
The daemon of
.Xr node\\-driver 8
reads this file when it starts.
Without it all defaults hold.
The stub reads no configuration at all.
.Pp
Each line is
.Ql key = value .
A
.Ql #
at the start of a line or behind a space begins a comment.
There are no quotes and no continuation lines.
An unknown key, a key that is set twice and a bad value are errors: the daemon
names each such line and ends with status 78.
.Ic node\\-driver config check
says the same beforehand, and
.Ic node\\-driver config show
prints what holds.
.Pp
A path is absolute, without
.Ql // ,
.Ql \\&.
or
.Ql ..
in it.
A duration is a whole number with a unit:
.Ql 500ms ,
.Ql 90s ,
.Ql 10m ,
.Ql 2h .
Users are names or numeric IDs, separated by commas; a group is one name or ID.
Words are separated by spaces or commas.
.Sh KEYS
.Bl -tag -width Ds
`;

const profiles = `.El
.Sh PROFILES
.Ic profile.NAME.KEY
is for the launches of one probe profile alone.
What a profile does not set is as it is for the whole node.
NAME is that of the profile's directory in
.Ic emulators\\-directory :
1 to 31 of
.Ql a-z ,
.Ql 0-9
and
.Ql \\- .
KEY is one of these:
.Bl -bullet -compact
`;

const tail = `.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/kubevirt/qemu\\-kube.conf
Read where no other file is named by
.Ic node\\-driver serve Fl \\-config .
.El
.Sh EXAMPLES
.Bd -literal
kubepods\\-base = /kubepods.slice
secret\\-lifetime = 5m      # counted from the start of the container
profile.figures.mode = exec
.Ed
.Sh SEE ALSO
.Xr node\\-driver 8 ,
.Xr qemu\\-kube 8
`;

/** The text of docs/man/qemu-kube.conf.5. */
export function renderConfigPage(): string {
  const keys = configKeys.map(({ key, defaultText, unit, meaning }) => {
    const value = `Default: ${defaultText === '' ? 'empty' : `\`${defaultText}\``}. Value: ${unit}.`;
    return `.It Ic ${mdocText(key)}\n${mdocParagraph(meaning)}\n.br\n${mdocParagraph(value)}\n`;
  });
  const own = configKeys.filter(({ perProfile }) => perProfile);
  const list = own.map(({ key }) => `.It\n.Ic ${mdocText(key)}\n`);
  return `${head}${keys.join('')}${profiles}${list.join('')}${tail}`;
}
