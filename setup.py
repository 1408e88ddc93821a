"""Builds the extension `metro_segment`, and nothing else: the helper and the rest are the Makefile's.

    python setup.py build_ext --build-lib DIR
"""
import os
import re
import sys
import sysconfig

try:
    from setuptools import Extension, setup
    from setuptools.command.build_ext import build_ext
except ImportError:  # a bare interpreter
    try:
        from distutils.command.build_ext import build_ext
        from distutils.core import Extension, setup
    except ImportError:  # 3.12 and later
        sys.exit('setup.py: setuptools is missing; install it with: %s -m pip install setuptools' % sys.executable)

PARTS = ('metro_segment', 'metro_segment_snapshot', 'metro_segment_rows', 'metro_segment_value')
# The helper has these too.
MODULES = ('interval', 'departed', 'row_index', 'segment_reader', 'segment_check', 'segment_layout', 'clock', 'crc32c', 'buckets',
           'histogram')
HEADERS = PARTS[:1] + MODULES + ('peer', 'segment', 'version')
ROOT = os.path.dirname(os.path.abspath(__file__))


def version():
    """The version as native/version.h says it."""
    with open(os.path.join(ROOT, 'native', 'version.h')) as header:
        return re.search(r'^#define GO_METRO_VERSION "([^"]+)"$', header.read(), re.MULTILINE).group(1)


class BuildExtension(build_ext):
    def get_libraries(self, ext):
        """Without libpython: the interpreter that loads the extension has it, the Agent's maybe under another name."""
        return ext.libraries


if __name__ == '__main__':
    setup(
        name='metro_segment',
        version=version(),
        description='Reads the segment that the Go-Metro helper publishes',
        cmdclass={'build_ext': BuildExtension},
        ext_modules=[
            Extension(
                'metro_segment',
                sources=['native/%s.c' % name for name in PARTS + MODULES],
                depends=['native/%s.h' % name for name in HEADERS],
                include_dirs=['native'],
                define_macros=[('_GNU_SOURCE', '1')],
                # Python's own headers are not ours to mend: the caller's CFLAGS may ask for every warning.
                extra_compile_args=['-std=c11', '-fvisibility=hidden', '-isystem', sysconfig.get_paths()['include']],
            )
        ],
        py_modules=[],  # or setuptools takes the folders for packages
    )
