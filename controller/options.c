// SPDX-License-Identifier: BSD-3-Clause
//
// options: the command line, and defaults that depend on where we were started from.

#include "controller/options.h"

#include "base/path.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: weft-controller [OPTION]...\n"
	"Keeps the intent of a Weft instance and makes its datapath follow.\n\n"
	"  --run-dir DIR     sockets (default: WEFT_RUN_DIR, else /run/weft)\n"
	"  --state-dir DIR   the intent (default: WEFT_STATE_DIR, else /var/lib/weft)\n"
	"  --datapath FILE   program to start (default: weft-datapath beside this one);\n"
	"                    'none': it is started by somebody else\n"
	"  --listen ADDRESS:PORT  let hosts on other machines in there, over TLS 1.3, once\n"
	"                    'weft host enrol' has made their certificates; 'none': nowhere\n"
	"                    (default: as at the last start that said so)\n"
	"  --listen-plain HOST@ADDRESS:PORT  let that host in without TLS: whoever connects is\n"
	"                    it, so only an address of this machine alone is taken; 'none'\n"
	"  --fresh           move a database that is there aside, and begin empty\n"
	"  --log-file FILE   append to it instead of standard error\n"
	"  --log-level LEVEL error, warn, info or debug\n"
	"  --version, --help\n";

static void beside_ourselves(char buf[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", buf, PATH_MAX - 32);
	char *slash;

	buf[len > 0 ? len : 0] = '\0';
	slash = strrchr(buf, '/');
	snprintf(slash ? slash + 1 : buf, 32, "weft-datapath");
}

// The daemon may be started from anywhere, and its children too.
static int make_absolute(char path[static PATH_MAX], struct fail *fail)
{
	char cwd[PATH_MAX], whole[2 * PATH_MAX];

	if (path[0] == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return fail_errno(fail, -errno, "cannot tell where '%s' is", path);
	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", cwd, path) >= PATH_MAX)
		return fail_set(fail, -ENAMETOOLONG, "the path '%s' is too long", path);
	memcpy(path, whole, strlen(whole) + 1);
	return 0;
}

static int set_path(char into[static PATH_MAX], const char *path, struct fail *fail)
{
	if (strlen(path) >= PATH_MAX)
		return fail_set(fail, -ENAMETOOLONG, "the path '%s' is too long", path);
	memcpy(into, path, strlen(path) + 1);
	return make_absolute(into, fail);
}

enum {
	OPT_RUN = 256,
	OPT_STATE,
	OPT_DATAPATH,
	OPT_LISTEN,
	OPT_PLAIN,
	OPT_FRESH,
	OPT_FILE,
	OPT_LEVEL,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"run-dir", required_argument, NULL, OPT_RUN},
	{"state-dir", required_argument, NULL, OPT_STATE},
	{"datapath", required_argument, NULL, OPT_DATAPATH},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"listen-plain", required_argument, NULL, OPT_PLAIN},
	{"fresh", no_argument, NULL, OPT_FRESH},
	{"log-file", required_argument, NULL, OPT_FILE},
	{"log-level", required_argument, NULL, OPT_LEVEL},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{0},
};

int options_parse(int argc, char **argv, struct options *ret, struct fail *fail)
{
	const char *run_dir = NULL, *state_dir = NULL, *datapath = NULL;
	struct options options = {.log_level = LOG_LEVEL_INFO};
	int option, err;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_RUN:
			run_dir = optarg;
			break;
		case OPT_STATE:
			state_dir = optarg;
			break;
		case OPT_DATAPATH:
			datapath = optarg;
			break;
		case OPT_LISTEN:
			options.listen = optarg;
			break;
		case OPT_PLAIN:
			options.listen_plain = optarg;
			break;
		case OPT_FRESH:
			options.fresh = true;
			break;
		case OPT_FILE:
			options.log_file = optarg;
			break;
		case OPT_LEVEL:
			if (log_level_parse(optarg, &options.log_level) < 0)
				return fail_set(fail, -EINVAL, "'%s' is not a log level", optarg);
			break;
		case OPT_VERSION:
			puts("weft-controller 0.1.0");
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			return fail_set(fail, -EINVAL, "see weft-controller --help");
		}
	}
	if (optind < argc)
		return fail_set(fail, -EINVAL, "'%s' is not expected here", argv[optind]);
	err = set_path(options.run_dir, path_run_dir(run_dir), fail);
	if (err == 0)
		err = set_path(options.state_dir, path_state_dir(state_dir), fail);
	if (!datapath)
		beside_ourselves(options.datapath);
	else if (err == 0 && strcmp(datapath, "none") != 0)
		err = set_path(options.datapath, datapath, fail);
	if (err == 0)
		*ret = options;
	return err;
}
