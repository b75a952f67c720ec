// Command tidings is the gateway, and the tools to publish to one and to follow one.
//
// Its files hold no logic of their own: the grammar of the command line, and the way from there to the packages. It must not be
// imported.
package main
