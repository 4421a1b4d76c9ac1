/** What must happen in Redis in one step. Lease keys are derived in the scripts, so that client tracking is not told of them. */
import { leasePrefix, valuePrefix } from './redis-keys.ts';

const leaseKey = `local function leaseKey(key) return '${leasePrefix}' .. string.sub(key, ${valuePrefix.length + 1}) end`;

/** Per key: the value and nothing, if somebody has filled it meanwhile; else nothing and the lease, new or there already. */
const lease = `${leaseKey}
local reply = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  local lease = false
  if not value then
    local own = ARGV[1] .. '.' .. i
    lease = redis.call('SET', leaseKey(key), own, 'NX', 'GET', 'PX', ARGV[2]) or own
  end
  reply[2 * i - 1] = value
  reply[2 * i] = lease
end
return reply`;

/** Stores the values whose lease still holds, and ends those leases; returns how many that were. */
const fill = `${leaseKey}
local filled = 0
for i, key in ipairs(KEYS) do
  if redis.call('GET', leaseKey(key)) == ARGV[2 * i] then
    redis.call('SET', key, ARGV[2 * i + 1], 'PX', ARGV[1])
    redis.call('DEL', leaseKey(key))
    filled = filled + 1
  end
end
return filled`;

/**
 * A token bucket: \`events\` at once, and one more for each \`perTokenMs\` that passes. Returns 0, or how many milliseconds to
 * wait for the next one. The clocks of processes differ by little; going back gives nothing.
 */
const take = `local events, perTokenMs, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(events, (tonumber(bucket[1]) or events) + math.max(0, now - (tonumber(bucket[2]) or now)) / perTokenMs)
local wait = 0
if tokens < 1 then wait = math.ceil((1 - tokens) * perTokenMs) else tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(events * perTokenMs))
return wait`;

const script = (source: string, keys: readonly string[], ...args: readonly (string | number)[]): readonly string[] => [
  'EVAL',
  source,
  String(keys.length),
  ...keys,
  ...args.map(String),
];

export const leaseScript = (keys: readonly string[], token: string, lifeMs: number): readonly string[] =>
  script(lease, keys, token, lifeMs);

export const fillScript = (
  entries: readonly { readonly key: string; readonly lease: string; readonly text: string }[],
  ttlMs: number,
): readonly string[] =>
  script(
    fill,
    entries.map(({ key }) => key),
    ttlMs,
    ...entries.flatMap(({ lease, text }) => [lease, text]),
  );

export const takeScript = (key: string, events: number, perTokenMs: number, now: number): readonly string[] =>
  script(take, [key], events, perTokenMs, now);
