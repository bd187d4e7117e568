// Reads the address book. The entitlement is there; NSContactsUsageDescription is not, so macOS ends the process.
#include <stdio.h>
#include <unistd.h>

__attribute__((objc_root_class))
@interface CNContactStore
+ (instancetype)alloc;
- (instancetype)init;
- (void)requestAccessForEntityType:(long)entityType completionHandler:(void (^)(signed char granted, void *error))handler;
@end

int main(void) {
    CNContactStore *store = [[CNContactStore alloc] init];
    [store requestAccessForEntityType:0
                    completionHandler:^(signed char granted, void *error) {
                        printf("Cardfile: contacts %s\n", granted ? "granted" : "denied");
                    }];
    sleep(30);
    return 0;
}
