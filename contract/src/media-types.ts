/** The `Content-Type` of each kind of file that is handed out, by the end of its name. */
const mediaTypes: ReadonlyMap<string, string> = new Map([
  ['.mp4', 'video/mp4'],
  ['.webm', 'video/webm'],
  ['.m3u8', 'application/vnd.apple.mpegurl'],
  ['.vtt', 'text/vtt; charset=utf-8'],
  ['.jpg', 'image/jpeg'],
  ['.webp', 'image/webp'],
  ['.png', 'image/png'],
]);

/** What is not known is bytes and nothing else, so that no browser runs it. */
export function mediaTypeOf(name: string): string {
  return mediaTypes.get(name.slice(name.lastIndexOf('.'))) ?? 'application/octet-stream';
}
