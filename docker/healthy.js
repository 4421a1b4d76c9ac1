// Exits 0 if this container's process answers. A worker has no port for clients: it is asked on the one for operators.
const { ROLE, PORT, ADMIN_PORT } = process.env;
const address = ROLE === 'worker' ? `127.0.0.1:${ADMIN_PORT}/healthz` : `127.0.0.1:${PORT}/healthz`;
const longestMs = 2_500;
const ok = await fetch(`http://${address}`, { signal: AbortSignal.timeout(longestMs) }).then(
  (response) => response.ok,
  () => false,
);
process.exit(ok ? 0 : 1);
