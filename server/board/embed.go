package board

import "embed"

// Files are index.html, to be served at /, and what it refers to under /board/. Besides these it needs /tidings.js.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS
