// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {OptimismMintableERC1155} from "./OptimismMintableERC1155.sol";

/// Makes images of the other chain's collections of ERC-1155 tokens, for anyone. See MintableERC20Factory.
abstract contract MintableERC1155Factory {
    string public constant version = "1.0.0";

    /// Slot 0: what was made here.
    mapping(address => bool) public isOptimismMintableERC1155;

    event OptimismMintableERC1155Created(address indexed localToken, address indexed remoteToken, address deployer);

    function createOptimismMintableERC1155(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        require(_remoteToken != address(0), "OptimismMintableERC1155Factory: must provide remote token address");
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol));
        address localToken =
            address(new OptimismMintableERC1155{salt: salt}(bridge(), remoteChainId(), _remoteToken, _name, _symbol));
        isOptimismMintableERC1155[localToken] = true;
        emit OptimismMintableERC1155Created(localToken, _remoteToken, msg.sender);
        return localToken;
    }

    /// The bridge on this chain.
    function bridge() public view virtual returns (address);

    function remoteChainId() public view virtual returns (uint256);

    function BRIDGE() external view returns (address) {
        return bridge();
    }

    function REMOTE_CHAIN_ID() external view returns (uint256) {
        return remoteChainId();
    }
}
