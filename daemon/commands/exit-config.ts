/** Exit status for a bad configuration, as sysexits(3) has it. */
export const exitConfig = 78;
