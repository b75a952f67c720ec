package jsclient

import "embed"

// Files holds dist: dist/tidings.js (a classic script, ES3, also CommonJS), dist/tidings.mjs (an ES module) and
// dist/tidings.d.ts (types); and the three of the client with sockets, dist/tidings-socket.*. They are built by `npm run build` in
// this directory, and committed.
//
//go:embed dist/*
var Files embed.FS
