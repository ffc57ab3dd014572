// The health check of a container: prints whether the service is ready and what it waits for. Exit code 0 or 1.

const port = process.env['CALBUS_HTTP_PORT'] ?? '8080';
const WITHIN_MS = 4_000;

try {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(WITHIN_MS) });
  console.log((await answer.text()).trim());
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  console.log(`Nothing answers at http://127.0.0.1:${port}/readyz within ${WITHIN_MS / 1_000} seconds.`);
  process.exitCode = 1;
}
