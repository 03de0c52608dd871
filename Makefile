# Thin door to meson; everything real is in meson.build and devtools/.
BUILD ?= build
export BUILD

.PHONY: build deps check demo demo-clean install clean

build: $(BUILD)/build.ninja
	@meson compile -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) $(SETUP)

deps:
	@devtools/deps build demo

check:
	@devtools/deps build check
	@$(MAKE) --no-print-directory build
	@devtools/check $(BUILD)

demo: deps
	@$(MAKE) --no-print-directory build
	@examples/demo/run

demo-clean:
	@examples/demo/clean

install: build
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf $(BUILD)
