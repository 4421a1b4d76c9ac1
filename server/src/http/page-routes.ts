import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { placeholderCoverPath } from '../read/index.ts';
import { apiPage } from './api-page.ts';
import { languageOf } from './envelope.ts';
import { buildOpenApi } from './openapi.ts';

const assetsFolder = new URL('../../assets/', import.meta.url);

/** Everything a page needs comes from here: nothing inline, nothing from other origins. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Small files of the program itself, by path. */
const assets = [
  ['/assets/home.css', 'home.css', 'text/css; charset=utf-8'],
  ['/assets/home.js', 'home.js', 'text/javascript; charset=utf-8'],
  ['/favicon.ico', 'favicon.svg', 'image/svg+xml'],
  [placeholderCoverPath, 'cover.jpg', 'image/jpeg'],
] as const;

const assetAge = 'public, max-age=300';

/** The pages that people look at: the front page, the API documentation and what it is made from. */
export async function registerPages(app: FastifyInstance, version: string): Promise<void> {
  await registerFrontPage(app);
  for (const [path, file, type] of assets) {
    const body = await readFile(new URL(file, assetsFolder));
    app.get(path, async (_request, reply) =>
      reply
        .headers({ 'content-type': type, 'cache-control': assetAge, 'content-security-policy': pagePolicy })
        .send(body),
    );
  }
  const openApi = JSON.stringify(buildOpenApi({ version }));
  app.get('/openapi.json', async (_request, reply) =>
    reply
      .headers({ 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' })
      .send(openApi),
  );
  const page = apiPage();
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
async function registerFrontPage(app: FastifyInstance): Promise<void> {
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
