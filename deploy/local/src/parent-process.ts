/**
 * Ends this process in its ordinary way when the entry script that started it is killed: the script's channel
 * closes. `leave` defaults to exiting with 1. Without a channel (started by hand) it does nothing.
 */
export function exitWithParent(leave: () => void = () => process.exit(1)): void {
  if (process.channel === undefined) return;
  process.once('disconnect', leave);
  // The listener must not keep a finished process alive.
  process.channel?.unref();
}
