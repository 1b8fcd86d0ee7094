import { Refusal } from '../errors.ts';
import { quoteText } from '../quote-text.ts';

const longestName = 253;

/**
 * Checks a VM's UUID from outside. It names files later, so nothing but letters, digits and dashes passes.
 *
 * @throws Refusal `invalid-identity`
 */
export function parseVmUuid(text: string): string {
  const cause = uuidFault(text);
  if (cause === null) return text;
  throw new Refusal(
    'invalid-identity',
    `Cannot accept the VM UUID ${quoteText(text)}: ${cause}`,
    'set KUBEVIRT_IO_VM_UUID to the UID of the VirtualMachineInstance, 1 to 64 of 0-9, A-Z, a-z and "-"',
  );
}

/**
 * Checks a VM's name from outside: `NAME`, `NAMESPACE_NAME` or `NAMESPACE/NAME`, at most 253 bytes of UTF-8.
 *
 * @throws Refusal `invalid-identity`
 */
export function parseVmName(text: string): string {
  const cause = nameFault(text);
  if (cause === null) return text;
  throw new Refusal(
    'invalid-identity',
    `Cannot accept the VM name ${quoteText(text)}: ${cause}`,
    'set KUBEVIRT_IO_VM_NAME to NAME, NAMESPACE_NAME or NAMESPACE/NAME of the VM, or leave it out',
  );
}

function uuidFault(text: string): string | null {
  if (text === '') return 'it is empty';
  const wrong = /[^0-9A-Za-z-]/u.exec(text)?.[0];
  if (wrong !== undefined) return `it contains ${quoteText(wrong)}`;
  return text.length > 64 ? `it is ${String(text.length)} characters long` : null;
}

function nameFault(text: string): string | null {
  if (text === '') return 'it is empty';
  const bytes = Buffer.byteLength(text);
  if (bytes > longestName) return `it is ${String(bytes)} bytes long, more than ${String(longestName)}`;
  // U+FFFD is what a decoder leaves of bytes that are not UTF-8.
  if (/[\p{Cs}\ufffd]/u.test(text)) return 'it is not valid UTF-8';
  const control = /[\p{Cc}\p{Zl}\p{Zp}]/u.exec(text)?.[0];
  if (control !== undefined) return `it contains the control character ${quoteText(control)}`;

  const parts = text.split('/');
  if (parts.length > 2) return 'it contains more than one "/"';
  if (parts.includes('')) return 'the part before or after "/" is empty';
  const dots = parts.find((part) => part === '.' || part === '..');
  return dots === undefined ? null : `${quoteText(dots)} is no name`;
}
