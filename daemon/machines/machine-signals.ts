/**
 * The signals that people and controllers may have sent to a QEMU, by name without "SIG": those that libvirt sends,
 * and that the stub forwards. They have these numbers on every architecture of Linux. STOP is not among them: libvirt
 * would wait for the monitor of a stopped QEMU, which `virsh suspend` avoids.
 */
export const machineSignals = { HUP: 1, INT: 2, QUIT: 3, KILL: 9, TERM: 15 } as const;

/** Whether a QEMU may be sent the signal with this number. */
export function isMachineSignal(number: number): boolean {
  return Object.values<number>(machineSignals).includes(number);
}
