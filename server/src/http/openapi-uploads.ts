/** The part of the OpenAPI document about uploads that can be resumed; docs/uploads.md tells it at length. */
const envelope = { 'application/json': { schema: { $ref: '#/components/schemas/Envelope' } } };
const security = [{ bearer: [] }, { token: [] }];
const text = { type: 'string' } as const;
const bytes = { type: 'integer', minimum: 0 } as const;

const header = (name: string, schema: object, description: string, required = true) => ({
  name,
  in: 'header',
  required,
  description,
  schema,
});
const sent = (description: string, schema: object = text) => ({ description, schema });
const refused = (description: string) => ({ description, content: envelope });

const version = header('Tus-Resumable', { type: 'string', enum: ['1.0.0'] }, 'The version of the protocol');
const upload = { name: 'id', in: 'path', required: true, schema: text };
const offset = { 'Upload-Offset': sent('Bytes that are there', bytes) };
const outcome = {
  'Upload-Expires': sent('Until when it is kept if nothing more comes'),
  'Upload-Video-Id': sent('The video that it became', { type: 'integer' }),
};
const body = {
  content: { 'application/offset+octet-stream': { schema: { type: 'string', format: 'binary' } } },
} as const;
const shared = {
  '401': refused('No token, or none that is valid'),
  '404': refused('No such upload of this user, or it has expired'),
  '412': refused('`Tus-Resumable` is missing'),
  '423': refused('Another request has the upload: try again'),
  '503': refused('Too many uploads at once, or something is away: try again'),
};

export const uploadPaths = {
  '/uploads/': {
    post: {
      operationId: 'createUpload',
      tags: ['Files'],
      summary: 'Begin an upload that can be resumed (tus 1.0.0) · 创建可续传的上传',
      description: 'For tus clients; the body may bring the first bytes. See docs/uploads.md.',
      security,
      parameters: [
        version,
        header('Upload-Length', bytes, 'Size of the file'),
        header('Upload-Metadata', text, 'Keys with base64 values: `title`, `sha256`, `again`, `token`', false),
      ],
      requestBody: { required: false, ...body },
      responses: {
        '201': {
          description: 'It is at `Location`',
          headers: { Location: sent('Where it is'), ...offset, ...outcome },
        },
        '400': refused('What is declared, or the file, is not acceptable'),
        '401': shared['401'],
        '412': shared['412'],
        '413': refused('The file is too large, or too much of the user is unfinished'),
        '422': {
          ...refused('The user has published a file with this sha256'),
          headers: { 'Upload-Video-Id': outcome['Upload-Video-Id'] },
        },
        '503': shared['503'],
      },
    },
  },
  '/uploads/{id}': {
    head: {
      operationId: 'uploadOffset',
      tags: ['Files'],
      summary: 'Where to go on · 查询续传位置',
      security,
      parameters: [upload, version],
      responses: {
        '200': {
          description: 'So far it has come; with the last byte, what it became',
          headers: { ...offset, 'Upload-Length': sent('Size of the file', bytes), ...outcome },
        },
        ...shared,
      },
    },
    patch: {
      operationId: 'appendToUpload',
      tags: ['Files'],
      summary: 'Send the next bytes; with the last one it is published · 发送后续数据，最后一块到达即发布',
      security,
      parameters: [upload, version, header('Upload-Offset', bytes, 'Where these bytes begin: as many as are there')],
      requestBody: { required: true, ...body },
      responses: {
        '204': { description: 'They are there', headers: { ...offset, ...outcome } },
        '400': refused('The file is complete and cannot be published: the message says why'),
        '409': refused('Another number of bytes is there: ask with HEAD'),
        ...shared,
      },
    },
    delete: {
      operationId: 'endUpload',
      tags: ['Files'],
      summary: 'Give an upload up · 取消上传',
      security,
      parameters: [upload, version],
      responses: { '204': { description: 'It is gone; a video that it became stays' }, ...shared },
    },
  },
};
