/** Of lines for a stream that nobody takes: a reader that stopped must not fill this process's memory. */
export const mostWaitingBytes = 1024 * 1024;
