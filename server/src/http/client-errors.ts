import type { Socket } from 'node:net';
import { errors } from '@tiktok-server/contract';
import { answerHeaders, securityHeaders } from './envelope.ts';

/**
 * Answers what is not HTTP, or too slow, or too large in its headers: the parser gave up, so there is no request to
 * answer, only a connection to close politely.
 */
export function clientErrorAnswer(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason] = statusOf(error.code);
  const body = JSON.stringify({
    status_code: errors.ErrBind.code,
    status_msg: `${errors.ErrBind.message.en}: ${reason}`,
  });
  const headers = {
    ...securityHeaders,
    ...answerHeaders,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`);
}

function statusOf(code: string | undefined): readonly [string, string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['408 Request Timeout', 'the request took too long to arrive'];
  if (code === 'HPE_HEADER_OVERFLOW') return ['431 Request Header Fields Too Large', 'the headers are too large'];
  if (code === 'HPE_INVALID_URL') return ['400 Bad Request', 'the address must be percent-encoded'];
  return ['400 Bad Request', 'this is not valid HTTP'];
}
