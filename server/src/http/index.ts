/**
 * HTTP: parsing, authentication, limits, errors → envelope, the explicit route list, media and documentation pages. The
 * only room that knows status numbers; it decides nothing about videos or users.
 */

export { type AdminServer, createAdminServer } from './admin-server.ts';
export { type App, type AppDeps, createApp } from './app.ts';
