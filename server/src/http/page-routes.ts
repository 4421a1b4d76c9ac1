import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { placeholderCoverPath } from '../read/index.ts';
import { apiPage } from './api-page.ts';
import { languageOf } from './envelope.ts';
import { buildOpenApi } from './openapi.ts';

const assetsFolder = new URL('../../assets/', import.meta.url);

/** Everything a page needs comes from here, and videos and pictures from `PUBLIC_URL`: nothing inline, nothing else. */
function policyOf(publicUrl: string | undefined): string {
  const files = publicUrl === undefined ? "'self'" : `'self' ${new URL(publicUrl).origin}`;
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src ${files} data:; media-src ${files}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

const ownDocument = '/openapi.json?for=docs';
const isOwnPage = (request: FastifyRequest): boolean => request.url === ownDocument;

/** Small files of the program itself, by path. */
const assets = [
  ['/assets/home.css', 'home.css', 'text/css; charset=utf-8'],
  ['/assets/home.js', 'home.js', 'text/javascript; charset=utf-8'],
  ['/favicon.ico', 'favicon.svg', 'image/svg+xml'],
  [placeholderCoverPath, 'cover.jpg', 'image/jpeg'],
] as const;

const assetAge = 'public, max-age=300';

export type PageDeps = {
  readonly version: string;
  readonly publicUrl: string | undefined;
  readonly baseUrlOf: (request: FastifyRequest) => string;
};

/** The pages that people look at: the front page, the API documentation and what it is made from. */
export async function registerPages(app: FastifyInstance, deps: PageDeps): Promise<void> {
  const { version, publicUrl, baseUrlOf } = deps;
  const pagePolicy = policyOf(publicUrl);
  await registerFrontPage(app, pagePolicy);
  for (const [path, file, type] of assets) {
    const body = await readFile(new URL(file, assetsFolder));
    app.get(path, async (_request, reply) =>
      reply
        .headers({ 'content-type': type, 'cache-control': assetAge, 'content-security-policy': pagePolicy })
        .send(body),
    );
  }
  app.get('/openapi.json', async (request, reply) =>
    reply
      .headers({ 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' })
      // The page at /docs calls where it was loaded from, which need not be PUBLIC_URL.
      .send(JSON.stringify(buildOpenApi({ version, url: isOwnPage(request) ? '/' : baseUrlOf(request) }))),
  );
  const page = apiPage(ownDocument);
  app.get('/docs', async (_request, reply) =>
    reply
      .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': page.contentSecurityPolicy })
      .send(page.html),
  );
  app.get('/docs/init.js', async (_request, reply) =>
    reply.headers({ 'content-type': 'text/javascript; charset=utf-8' }).send(page.initScript),
  );
  for (const [name, asset] of page.assets) {
    app.get(`/docs/${name}`, async (_request, reply) =>
      reply.headers({ 'content-type': asset.type, 'cache-control': assetAge }).send(createReadStream(asset.path)),
    );
  }
}

/** The front page in the language of its reader. */
async function registerFrontPage(app: FastifyInstance, pagePolicy: string): Promise<void> {
  const english = await readFile(new URL('index.html', assetsFolder), 'utf8');
  const pages = { en: english, zh: english.replace('<html lang="en">', '<html lang="zh-CN">') };
  app.get('/', async (request, reply) =>
    reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': assetAge,
        'content-security-policy': pagePolicy,
        vary: 'accept-language',
      })
      .send(pages[languageOf(request.headers['accept-language'])]),
  );
}
