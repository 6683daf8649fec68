/**
 * Loaded before a program (`node -r`): it dies in the middle of a change, when the file named by DIES_AT would be replaced.
 * Files replaced before that one are new by then; that one, and the kernel, are not.
 */
import promises from 'node:fs/promises';

const { rename } = promises;
promises.rename = async (from, to) => {
  if (to === process.env.DIES_AT) process.kill(process.pid, 'SIGKILL');
  return rename(from, to);
};
