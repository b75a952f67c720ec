// Which file is being built; build.mjs fills it in.

/** Whether only browsers that know ES modules will run this: then what only old ones need falls out. */
export var modern = false;

/** Whether there are sockets in it. */
export var sockets = true;

/** Whether it has room for what few need: tabs that share a connection, forever frames, JSONP. */
export var roomy = true;

/** What only this build has: tabs that run different ones have different short names for the same, and do not understand each other. */
export var build = "source";
