import { existsSync, readFileSync } from 'node:fs';

/** Whether no process has this id any more. A zombie, which only waits for its parent to notice its end, counts as gone. */
export function hasExited(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  try {
    return existsSync('/proc/self') && /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true; // it ended between the two looks
  }
}
