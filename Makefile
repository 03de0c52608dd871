# Thin door to meson; everything real is in meson.build and devtools/.
BUILD ?= build
export BUILD

.PHONY: build deps check guest demo demo-clean demo-vm install clean

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

# The kernel and the initramfs of the virtual machines in tests and demo.
guest:
	@devtools/deps demo demo-vm
	@devtools/guest/image $(BUILD)/guest

demo: deps
	@$(MAKE) --no-print-directory build
	@examples/demo/run

demo-clean:
	@examples/demo/clean

demo-vm:
	@devtools/deps build demo demo-vm
	@$(MAKE) --no-print-directory build
	@examples/demo-vm/run

install: build
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf $(BUILD)
