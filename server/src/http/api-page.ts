import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The page on which the API can be read and tried: Swagger UI, served from here, with nothing inline and no other origin. */
export type ApiPage = {
  readonly html: string;
  readonly initScript: string;
  /** Files of Swagger UI by name. */
  readonly assets: ReadonlyMap<string, { readonly path: string; readonly type: string }>;
  readonly contentSecurityPolicy: string;
};

const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>API · tiktok-server</title>
    <link rel="icon" href="/favicon.ico" type="image/svg+xml">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <noscript>This page needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/init.js"></script>
  </body>
</html>
`;

const initScript = (documentUrl: string): string => `SwaggerUIBundle({
  url: '${documentUrl}',
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
});
`;

export function apiPage(documentUrl: string): ApiPage {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const asset = (name: string, type: string) => [name, { path: join(folder, name), type }] as const;
  return {
    html,
    initScript: initScript(documentUrl),
    assets: new Map([
      asset('swagger-ui.css', 'text/css; charset=utf-8'),
      asset('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
    ]),
    // Swagger UI sets style attributes and shows small pictures from data addresses.
    contentSecurityPolicy:
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  };
}
