import {
  Comment,
  errors,
  FriendUser,
  limits,
  Message,
  type Operation,
  type OperationName,
  operationNames,
  operations,
  User,
  Video,
} from '@tiktok-server/contract';
import { uploadPaths } from './openapi-uploads.ts';

/**
 * The API as an OpenAPI 3.1 document, generated from the contract: what the document says is what the server checks.
 */
const named = { User, Video, Comment, Message, FriendUser };

type Json = Record<string, unknown>;

/** `url`: where the reader reaches the server, since programs that import the document need a whole address. */
export function buildOpenApi(options: { readonly version: string; readonly url: string }): Json {
  const paths: Record<string, Json> = {};
  for (const name of operationNames) {
    const operation: Operation = operations[name];
    paths[operation.path] = { [operation.method.toLowerCase()]: describe(name, operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'tiktok-server',
      version: options.version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: introduction,
    },
    servers: [{ url: options.url }],
    tags: [...new Set(operationNames.map((name) => operations[name].group)), 'Files', 'Health'].map((name) => ({
      name,
    })),
    paths: { ...paths, ...uploadPaths, ...otherPaths },
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'query', name: 'token', description: 'The token of register or login' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The same token as `Authorization: Bearer`' },
      },
      schemas: {
        ...Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, withReferences(schema, name)])),
        Envelope: envelopeSchema,
      },
    },
  };
}

const introduction = [
  'The API of the minimal-Douyin app. Every answer is a JSON object with `status_code` (0 is success) and `status_msg`;',
  'whatever the API understood is HTTP 200, also when it is refused. Parameters are taken from the query string, then from a form, JSON or multipart body;',
  'one given twice counts with its first value; ids may be spelled in exponent notation. Messages are English, or Chinese with `Accept-Language: zh`.',
  `A token lives ${limits.tokenLifeDays} days and dies at once when the password changes.`,
].join(' ');

function describe(name: OperationName, operation: Operation): Json {
  const parameters = Object.entries(operation.parameters);
  const hasFiles = Object.keys(operation.files).length > 0;
  const inQuery = parameters.map(([parameterName, parameter]) => ({
    name: parameterName,
    in: 'query',
    required: parameter.required && operation.method === 'GET',
    description: both(parameter.doc),
    schema: parameter.schema,
    ...exampleOf(parameter),
  }));
  return {
    operationId: name,
    tags: [operation.group],
    summary: both(operation.summary),
    description: [
      operation.description === undefined ? '' : both(operation.description),
      origin(operation),
      errorTable(operation),
    ]
      .filter((text) => text !== '')
      .join('\n\n'),
    security: {
      none: [],
      // Programs that import the document take the first: with a token one sees more.
      optional: [{ token: [] }, { bearer: [] }, {}],
      required: [{ token: [] }, { bearer: [] }],
    }[operation.access],
    ...(hasFiles || operation.method === 'POST'
      ? { requestBody: bodyOf(operation, hasFiles) }
      : { parameters: inQuery }),
    responses: {
      '200': {
        description:
          'Success if `status_code` is 0; otherwise the reason is in `status_msg` and the other fields are empty',
        content: contentOf(operation),
      },
      ...(operation.streams ? { '204': nothingMore } : {}),
      ...sharedResponses,
    },
  };
}

/** Of a stream: what goes on, and what is refused before it begins. */
function contentOf(operation: Operation): Json {
  const schema = answerSchema(operation);
  if (!operation.streams) return { 'application/json': { schema } };
  const { answer } = operation;
  const data = JSON.stringify({ status_code: 0, status_msg: '', ...exampleAnswer(answer.properties) });
  return {
    'text/event-stream': {
      schema: {
        type: 'string',
        description:
          'Events named `status`; the `data` of each is an answer as described under `application/json`. The last one has the id `last`',
      },
      example: `retry: 3000\n\nevent: status\ndata: ${data}\n\n`,
    },
    'application/json': { schema },
  };
}

/** As it is on the way: not the first value of several, half of a range, and nothing of all else. */
function exampleAnswer(properties: Operation['answer']['properties']): Json {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const { enum: values, maximum } = Object.assign({ enum: undefined, maximum: undefined }, schema);
      if (Array.isArray(values)) return [name, values[1]];
      return [name, typeof maximum === 'number' ? maximum / 2 : ''];
    }),
  );
}

const nothingMore = {
  description:
    'To a client that asks again having seen the last event (`Last-Event-ID: last`), as long as nothing is new',
};

const both = (text: { readonly en: string; readonly zh: string }): string => `${text.en} · ${text.zh}`;

/** Of what has to be given: an example of anything else would be sent by whoever only tries the operation. */
function exampleOf({ required, schema, example }: Operation['parameters'][string]): Json {
  if (!required) return {};
  return { example: schema.type === 'integer' ? Number(example) : example };
}

const origin = (operation: Operation): string =>
  operation.origin === 'ours' ? 'An addition of this server, in the same envelope.' : '';

function errorTable(operation: Operation): string {
  const rows = [
    'ErrBind',
    'ErrValidation',
    ...(operation.access === 'required' ? ['ErrTokenInvalid', 'ErrExpired'] : []),
  ];
  const own = operation.errors.map((error) => `| ${errors[error].code} | ${error} | ${both(errors[error].message)} |`);
  const every = Object.entries(errors)
    .filter(([error]) => rows.includes(error))
    .map(([error, row]) => `| ${row.code} | ${error} | ${both(row.message)} |`);
  return ['| status_code | name | message |', '| --- | --- | --- |', ...every, ...own].join('\n');
}

function bodyOf(operation: Operation, hasFiles: boolean): Json {
  const fields = Object.entries(operation.parameters);
  const schema = {
    type: 'object',
    properties: Object.fromEntries([
      ...fields.map(([name, parameter]) => [
        name,
        { ...parameter.schema, description: both(parameter.doc), ...exampleOf(parameter) },
      ]),
      ...Object.entries(operation.files).map(([name, part]) => [
        name,
        // `format` is what OpenAPI 3.0 had: Postman knows a file by it.
        {
          type: 'string',
          format: 'binary',
          contentMediaType: 'application/octet-stream',
          description: both(part.doc),
        },
      ]),
    ]),
    required: [
      ...fields.filter(([, parameter]) => parameter.required).map(([name]) => name),
      ...Object.entries(operation.files)
        .filter(([, part]) => part.required)
        .map(([name]) => name),
    ],
  };
  const types = hasFiles
    ? ['multipart/form-data']
    : ['application/x-www-form-urlencoded', 'application/json', 'multipart/form-data'];
  return {
    description: 'Every field may be given in the query string instead',
    required: hasFiles,
    content: Object.fromEntries(types.map((type) => [type, { schema }])),
  };
}

function answerSchema(operation: Operation): Json {
  const { properties, required = [] } = operation.answer;
  return {
    type: 'object',
    required: ['status_code', 'status_msg', ...required],
    properties: {
      status_code: { type: 'integer', description: '0 is success; else a row of the error table' },
      status_msg: { type: 'string', description: '"" on success' },
      ...Object.fromEntries(
        Object.entries(properties).map(([name, schema]) => [name, withReferences(schema, undefined)]),
      ),
    },
  };
}

/** The schema with the named objects in it replaced by references; `self` is the one being described itself. */
function withReferences(schema: unknown, self: string | undefined): unknown {
  if (Array.isArray(schema)) return schema.map((one) => withReferences(one, undefined));
  if (typeof schema !== 'object' || schema === null) return schema;
  const title = 'title' in schema && typeof schema.title === 'string' ? schema.title : undefined;
  if (title !== undefined && title !== self && Object.hasOwn(named, title))
    return { $ref: `#/components/schemas/${title}` };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value, undefined)]));
}

const envelopeSchema = {
  type: 'object',
  required: ['status_code', 'status_msg'],
  properties: { status_code: { type: 'integer' }, status_msg: { type: 'string' } },
};
const envelope = { 'application/json': { schema: { $ref: '#/components/schemas/Envelope' } } };
const retryAfter = { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } };

const sharedResponses = {
  '405': { description: 'Wrong method', content: envelope },
  '429': { description: 'Too many requests', headers: retryAfter, content: envelope },
  '500': { description: 'A bug', content: envelope },
  '503': { description: 'Overloaded, or something it depends on is down', headers: retryAfter, content: envelope },
};

const otherPaths = {
  '/media/{key}': {
    get: {
      operationId: 'media',
      tags: ['Files'],
      summary: 'A video or picture, as named by the addresses in the answers',
      description: 'Supports Range, ETag and If-None-Match; a file never changes, so it may be cached for ever.',
      security: [],
      parameters: [{ name: 'key', in: 'path', required: true, schema: { type: 'string' } }],
      responses: {
        '200': { description: 'The file' },
        '206': { description: 'The part that was asked for' },
        '302': { description: 'Where it is: elsewhere, or in another file that plays in its place now' },
        '304': { description: 'Not changed' },
        '404': { description: 'No such file', content: envelope },
        '416': { description: 'The part is outside the file' },
      },
    },
  },
  '/healthz': {
    get: {
      operationId: 'healthz',
      tags: ['Health'],
      summary: 'The process serves requests',
      security: [],
      responses: { '200': { description: 'It does', content: envelope } },
    },
  },
  '/readyz': {
    get: {
      operationId: 'readyz',
      tags: ['Health'],
      summary: 'Database, cache, queue and files answer as well',
      security: [],
      responses: {
        '200': { description: 'They do', content: envelope },
        '503': { description: 'The message names those that do not', headers: retryAfter, content: envelope },
      },
    },
  },
};
