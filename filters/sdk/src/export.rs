//! The functions that a module exports.

/// Export filter `$filter` with the callbacks that it wants: `export!(Mine: on_request_headers, on_log);`.
///
/// Expands to nothing where the target is not wasm32, so that the same crate is tested natively.
#[macro_export]
macro_rules! export {
    ($filter:ty: $($callback:ident),+ $(,)?) => {
        const _: () = assert!(
            $crate::ends_are_seen(&[$(stringify!($callback)),+]),
            "with on_request_body goes on_request_trailers, with on_response_body on_response_trailers: \
             where trailers follow, a body that is held back would pass without its end having been seen"
        );
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            static FILTER: $crate::abi::Single<$crate::Dispatcher<$filter>> =
                $crate::abi::Single::new($crate::Dispatcher::new());
            #[no_mangle]
            extern "C" fn _initialize() {}
            #[no_mangle]
            extern "C" fn proxy_abi_version_0_2_1() {}
            #[no_mangle]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                $crate::abi::allocate(size)
            }
            #[no_mangle]
            extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
                FILTER.create(context, parent);
            }
            #[no_mangle]
            extern "C" fn proxy_on_configure(context: u32, size: usize) -> u32 {
                FILTER.configure(&$crate::abi::Envoy::default(), context, size).into()
            }
            #[no_mangle]
            extern "C" fn proxy_on_delete(context: u32) {
                FILTER.delete(context);
            }
            $($crate::export!(@ $callback);)+
        };
    };
    (@ on_request_headers) => {
        #[no_mangle]
        extern "C" fn proxy_on_request_headers(context: u32, _count: u32, end: u32) -> u32 {
            FILTER.request_headers(&$crate::abi::Envoy { end_of_stream: end != 0 }, context) as u32
        }
    };
    (@ on_request_body) => {
        #[no_mangle]
        extern "C" fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32 {
            let host = $crate::abi::Envoy { end_of_stream: end != 0 };
            FILTER.request_body(&host, context, size) as u32
        }
    };
    (@ on_request_trailers) => {
        #[no_mangle]
        extern "C" fn proxy_on_request_trailers(context: u32, _count: u32) -> u32 {
            FILTER.request_trailers(&$crate::abi::Envoy { end_of_stream: true }, context) as u32
        }
    };
    (@ on_response_headers) => {
        #[no_mangle]
        extern "C" fn proxy_on_response_headers(context: u32, _count: u32, end: u32) -> u32 {
            FILTER.response_headers(&$crate::abi::Envoy { end_of_stream: end != 0 }, context) as u32
        }
    };
    (@ on_response_body) => {
        #[no_mangle]
        extern "C" fn proxy_on_response_body(context: u32, size: usize, end: u32) -> u32 {
            let host = $crate::abi::Envoy { end_of_stream: end != 0 };
            FILTER.response_body(&host, context, size) as u32
        }
    };
    (@ on_response_trailers) => {
        #[no_mangle]
        extern "C" fn proxy_on_response_trailers(context: u32, _count: u32) -> u32 {
            FILTER.response_trailers(&$crate::abi::Envoy { end_of_stream: true }, context) as u32
        }
    };
    (@ on_callout) => {
        #[no_mangle]
        extern "C" fn proxy_on_http_call_response(plugin: u32, token: u32, headers: usize, body: usize, trailers: usize) {
            let sizes = [headers, body, trailers];
            FILTER.callout(&$crate::abi::Envoy::default(), plugin, token, sizes);
        }
    };
    (@ on_grpc) => {
        #[no_mangle]
        extern "C" fn proxy_on_grpc_receive(plugin: u32, token: u32, size: usize) {
            FILTER.grpc(&$crate::abi::Envoy::default(), plugin, token, Ok(size));
        }
        #[no_mangle]
        extern "C" fn proxy_on_grpc_close(plugin: u32, token: u32, status: u32) {
            FILTER.grpc(&$crate::abi::Envoy::default(), plugin, token, Err(status));
        }
    };
    (@ on_tick) => {
        #[no_mangle]
        extern "C" fn proxy_on_tick(plugin: u32) {
            FILTER.tick(&$crate::abi::Envoy::default(), plugin);
        }
    };
    (@ on_log) => {
        #[no_mangle]
        extern "C" fn proxy_on_log(context: u32) {
            FILTER.log(&$crate::abi::Envoy::default(), context);
        }
    };
}

/// What a module has in place of the standard library, beside `#![cfg_attr(target_arch = "wasm32", no_std)]`: memory, and
/// an end of the machine at a panic. The library ends it as well, after it has formatted a message that nobody sees; that
/// is a tenth of a module.
#[macro_export]
macro_rules! without_std {
    () => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static MEMORY: $crate::abi::Memory = $crate::abi::Memory;

            #[panic_handler]
            fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
                ::core::arch::wasm32::unreachable()
            }
        };
    };
}

/// Whether what reads a body also learns that trailers have ended it; for [`export!`].
#[doc(hidden)]
#[must_use]
pub const fn ends_are_seen(callbacks: &[&str]) -> bool {
    (!named(callbacks, "on_request_body") || named(callbacks, "on_request_trailers"))
        && (!named(callbacks, "on_response_body") || named(callbacks, "on_response_trailers"))
}

const fn named(mut callbacks: &[&str], name: &str) -> bool {
    while let [first, rest @ ..] = callbacks {
        if equal(first.as_bytes(), name.as_bytes()) {
            return true;
        }
        callbacks = rest;
    }
    false
}

/// `==` is not const.
const fn equal(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, a_rest @ ..], [b, b_rest @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (a_rest, b_rest);
    }
    one.is_empty() && other.is_empty()
}
